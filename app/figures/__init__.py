"""One figure per file: values in, a plain Plotly figure out. No Streamlit, no torch, no clock, no file."""
