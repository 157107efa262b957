"""Charts as SVG text: no script, no style attribute, classes that the page's stylesheet colours."""
