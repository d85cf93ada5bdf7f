"""Elements that stay on the page while their numbers change: a Plotly figure, tiles, a status line."""
