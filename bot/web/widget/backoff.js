// How long to wait before the next try: half a second to fifteen, at random, so that
// a thousand widgets don't come back in the same moment.

export function pause(attempt) {
  const most = Math.min(15000, 1000 * 2 ** attempt);
  return 500 + Math.random() * (most - 500);
}
