"""Elements that stay on the page while their numbers change: a Plotly figure, headline tiles, a status line."""
