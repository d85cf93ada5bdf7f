"""The road of live data: what pages are sent while a session trains, beside Streamlit's own connection."""
