// NumPy's median, quantile and partition, and the small linear algebra that the path needs.

function sorted(values) { return Float64Array.from(values).sort(); }

/** np.median; the mean of both middle values where there are two. */
export function median(values) {
  const order = sorted(values), middle = order.length >> 1;
  return order.length % 2 ? order[middle] : (order[middle - 1] + order[middle]) / 2;
}

/** np.quantile, linear between neighbours. */
export function quantile(values, share) {
  const order = sorted(values), place = share * (order.length - 1), low = Math.floor(place);
  return order[low] + (order[Math.min(low + 1, order.length - 1)] - order[low]) * (place - low);
}

/** np.partition(levels, rank)[rank] for whole numbers 0…255. */
export function ranked(levels, rank) {
  const counts = new Int32Array(256);
  for (const level of levels) counts[level]++;
  let level = 0;
  for (let seen = counts[0]; seen <= rank; seen += counts[level]) level++;
  return level;
}

/** Solves A X = B in place by elimination with pivots; A: n rows of n, B: n rows of m. Returns X. */
export function solve(A, B) {
  const n = A.length;
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(A[r][i]) > Math.abs(A[pivot][i])) pivot = r;
    [A[i], A[pivot]] = [A[pivot], A[i]];
    [B[i], B[pivot]] = [B[pivot], B[i]];
    for (let r = 0; r < n; r++) {
      if (r === i) continue;
      const factor = A[r][i] / A[i][i];
      for (let c = i; c < n; c++) A[r][c] -= factor * A[i][c];
      for (let c = 0; c < B[r].length; c++) B[r][c] -= factor * B[i][c];
    }
  }
  return B.map((row, i) => row.map((value) => value / A[i][i]));
}
