"""Own training curves: what a model fits of them, and when their drop comes."""
