// What can go wrong in the diary, by the code under which its sentence stands ("diary.problem.<code>").

export class DiaryProblem extends Error {
  constructor(code, cause = undefined) { super(code, { cause }); this.code = code; }
}

/** Whatever a browser threw, as one of ours where there is a sentence for it; else as it is. */
export function named(problem) {
  if (problem instanceof DiaryProblem) return problem;
  const names = [problem?.name, problem?.inner?.name];
  if (names.includes("QuotaExceededError")) return new DiaryProblem("full", problem);
  if (names.includes("VersionError")) return new DiaryProblem("newer", problem);
  if (names.some((name) => ["SecurityError", "InvalidStateError", "UnknownError"].includes(name))) return new DiaryProblem("unavailable", problem);
  return problem;
}
