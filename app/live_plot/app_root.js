// Where the app is mounted.

/** Its root, taken from Streamlit's own script, so that base paths and proxies are right. */
function appRoot() {
  const own = document.querySelector('script[src*="static/js/"]');
  return own ? own.src.split("static/js/")[0] : new URL("./", document.baseURI).href;
}
