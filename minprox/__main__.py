"""``python -m minprox`` is the command ``minprox``."""

from minprox.cli import main

if __name__ == "__main__":
    main()
