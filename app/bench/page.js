// What the bench asks of a page: when it was refreshed, for how long its main thread was blocked, what it removed.

window.vqBench = { blocked: [], refreshed: [], removed: 0 };

new PerformanceObserver((list) => {
  for (const task of list.getEntries()) vqBench.blocked.push(task.duration);
}).observe({ type: "longtask" });

new MutationObserver((changes) => {
  const lines = changes.filter(({ target }) => target.closest?.(".vq-story, .vq-status"));
  if (lines.length) vqBench.refreshed.push(Date.now() / 1000);
  for (const { removedNodes } of changes) {
    for (const node of removedNodes) {
      if (node.matches?.(".js-plotly-plot") || node.querySelector?.(".js-plotly-plot")) vqBench.removed += 1;
    }
  }
}).observe(document, { childList: true, subtree: true });
