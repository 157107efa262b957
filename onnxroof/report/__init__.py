"""A study to text, HTML, JSON, CSV and Markdown."""
