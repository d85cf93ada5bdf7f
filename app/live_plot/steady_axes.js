// Axes that stand still while the clouds on them move. Plotly finds a new range for every update: then nothing on the
// page is where it was, and every label is redrawn.

const ROOM = 0.06; // left free at each end, as a share of what the clouds take up
const LEAST_FILLED = 0.6; // the share of an axis that the clouds must fill, or it is fitted again

const isAxis = (name) => /^[xy]axis\d*$/.test(name);
const countsForScale = ({ meta }) => meta?.scales !== false; // a path leads off to where nothing is any more

class SteadyAxes {
  constructor() {
    this.ranges = new Map(); // by axis, or by the axis that it matches
  }

  forget() {
    this.ranges.clear();
  }

  /** Gives every axis of `layout` that has no range of its own one that holds those `traces` that count for scale. */
  settle(traces, layout) {
    const free = Object.keys(layout).filter((name) => isAxis(name) && !layout[name].range);
    const leaderOf = (name) => layout[name].matches ?? name.replace("axis", "");
    for (const [leader, names] of Object.entries(Object.groupBy(free, leaderOf))) {
      const [letter] = leader;
      const ids = new Set(names.map((name) => name.replace("axis", "")));
      const clouds = traces.filter((trace) => countsForScale(trace) && ids.has(trace[`${letter}axis`] ?? letter));
      const reach = reachOf(clouds.map((trace) => trace[letter]));
      if (!reach) continue;
      this.ranges.set(leader, around(reach, this.ranges.get(leader)));
      for (const name of names) {
        layout[name] = { ...layout[name], range: [...this.ranges.get(leader)], autorange: false };
      }
    }
  }
}

/** The range `before` as far as it still serves: wider if something lies beyond it, a new one if too much is empty. */
function around([low, high], before) {
  const room = ROOM * (high - low) || 1; // one point alone takes up nothing
  const fresh = [low - room, high + room];
  if (!before) return fresh;
  const [from, to] = [low < before[0] ? fresh[0] : before[0], high > before[1] ? fresh[1] : before[1]];
  return high - low < LEAST_FILLED * (to - from) ? fresh : [from, to];
}

/** The lowest and the highest number in `arrays`; null where there is none. */
function reachOf(arrays) {
  let [low, high] = [Infinity, -Infinity];
  for (const array of arrays) {
    for (const value of unpacked(array)) {
      if (value === null || Number.isNaN(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low > high ? null : [low, high];
}
