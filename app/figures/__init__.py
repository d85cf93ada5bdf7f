"""One figure a file: values in, a plain Plotly figure out. No Streamlit, no torch, no clock, no file."""
