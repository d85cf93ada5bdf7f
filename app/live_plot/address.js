// The URL says what the page's controls say, without an entry in the browser's history: Back leads to the page before.

/** Has the URL of the page at `path` say `query`; not of another page, which may be there by now. */
function showAddress(query, path) {
  if (location.pathname !== path) return;
  const address = new URL(location.href);
  address.search = new URLSearchParams(query);
  if (address.search !== location.search) history.replaceState(history.state, "", address);
}
