// Photos that an older release scored are scored again by this one; both answers stay, each with the release that gave it.
import { element } from "../dom.js";
import { scoreOf } from "./keep.js";
import { DiaryProblem } from "./storage/problem.js";

/** Whether this release's network has not looked at a photo yet. */
function isOld(photo, config) {
  return photo.scores.at(-1)?.network !== config.checkpoint_sha256.slice(0, 12);
}

/** Scores in the background what is old, one photo after the other, and says so; null where nothing is. */
export function scoredHere(diary, photos) {
  const old = photos.filter((photo) => isOld(photo, diary.config));
  if (!old.length) return null;
  const line = element("p", { class: "told", role: "status", "data-scoring": "" }, diary.say("diary.scoring"));
  let stays = true;
  diary.onLeave(() => { stays = false; });
  scoreAll(diary, old, () => stays).catch((problem) => { console.info(problem); line.textContent = diary.say("diary.scoring.failed"); });
  return line;
}

async function scoreAll(diary, photos, stays) {
  const { store, services, config } = diary;
  let scored = 0;
  for (const photo of photos) {
    const { found } = await services.judge(await store.picture(photo), photo.region);
    if (!stays()) return;
    if (!found) continue;
    // Quiet for the writing alone: what the visitor does meanwhile shows at once. Another tab may have been quicker.
    await diary.quietly(() => store.changePhoto(photo.id, (now) => (isOld(now, config) ? { scores: [...now.scores, scoreOf(found, config)] } : {})));
    scored++;
  }
  if (!scored) throw new DiaryProblem("unreadable"); // showing the spot anew would only try again
  if (stays()) await diary.show();
}
