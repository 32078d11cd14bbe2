// Times and days as people say them, in the language of the browser.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const withYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const DAY = 24 * 60 * 60 * 1000;

export function timeOf(at) {
  return clock.format(new Date(at));
}

export function fullOf(at) {
  return `${withYear.format(new Date(at))}, ${timeOf(at)}`;
}

export function dayKey(at) {
  return new Date(at).toDateString();
}

export function dayOf(at) {
  const date = new Date(at);
  const days = daysAgo(date);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return days > 0 && days < 180 ? weekday.format(date) : withYear.format(date);
}

// For lists: the time today, else the day.
export function briefly(at) {
  const date = new Date(at);
  const days = daysAgo(date);
  if (days === 0) return timeOf(at);
  return days === 1 ? "Yesterday" : short.format(date);
}

function daysAgo(date) {
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const then = new Date(date);
  then.setHours(0, 0, 0, 0);
  return Math.round((midnight - then) / DAY);
}
