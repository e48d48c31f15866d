"""The tools of the template: real servers, the demo, the checks of all variants, the pictures."""
