"""The Python side of wsgi-httpd. Standard library only; CPython 2.7 and 3.6 or later."""
