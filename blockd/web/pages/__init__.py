"""The pages: each turns what was read into HTML, one module a page. Pure."""
