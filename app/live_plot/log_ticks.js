// Powers of ten beside a logarithmic axis: as many as stand clear of one another at the height that it has here.

const TICK_PIXELS = 16; // of height that a tick's label takes, clear of the next one

/** Has every upright logarithmic axis of `layout` that ticks at powers of ten tick at every second, third … if it must. */
function clearTicks(layout, height) {
  const { t = 100, b = 80 } = layout.margin ?? {};
  for (const [name, axis] of Object.entries(layout)) {
    if (!/^yaxis\d*$/.test(name) || axis.type !== "log" || !axis.range || !Number.isInteger(axis.dtick)) continue;
    const [from, to] = axis.domain ?? [0, 1];
    const pixels = (height - t - b) * (to - from);
    const decades = Math.abs(axis.range[1] - axis.range[0]);
    layout[name] = { ...axis, dtick: Math.max(axis.dtick, Math.ceil((decades * TICK_PIXELS) / pixels)) };
  }
}
