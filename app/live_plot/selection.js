// What is selected, by the points' own ids: rows move and resample between two updates, ids do not.

/** The ids in `customdata` of a trace that says what it shows in `meta.role`; null for any other trace. */
function idsOf({ customdata, meta }) {
  return customdata && meta?.role ? unpacked(customdata) : null;
}

class IdSelection {
  constructor(ids) {
    this.sets = new Map(Object.entries(ids ?? {}).map(([role, list]) => [role, new Set(list)]));
  }

  get empty() {
    return [...this.sets.values()].every((set) => set.size === 0);
  }

  plain() {
    const kept = [...this.sets].filter(([, set]) => set.size > 0);
    return Object.fromEntries(kept.map(([role, set]) => [role, [...set].sort((a, b) => a - b)]));
  }

  /** This selection with Plotly's event points added. */
  plus(points, traces) {
    const sum = new IdSelection(this.plain());
    for (const { curveNumber, pointNumber } of points) {
      const ids = idsOf(traces[curveNumber]);
      if (!ids || pointNumber === undefined) continue;
      const role = traces[curveNumber].meta.role;
      if (!sum.sets.has(role)) sum.sets.set(role, new Set());
      sum.sets.get(role).add(ids[pointNumber]);
    }
    return sum;
  }

  /** Marks the selected rows of a trace; the others turn grey but stay. */
  mark(trace) {
    const ids = this.empty ? null : idsOf(trace);
    if (!ids) return;
    const chosen = this.sets.get(trace.meta.role);
    trace.selectedpoints = [];
    if (chosen) ids.forEach((id, row) => chosen.has(id) && trace.selectedpoints.push(row));
    trace.unselected ??= { marker: { color: "role:unselected", opacity: 0.45 } };
  }
}
