"""The template's rules for answers, its checks before a render and its Jinja filters."""
