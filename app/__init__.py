"""The dashboard: a Streamlit page over `vqcore`. Trains nothing itself."""
