"""Live data: what pages are sent while a session trains, over a WebSocket beside Streamlit's own connection."""
