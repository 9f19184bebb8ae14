"""`python -m services.stack`: what `./intact` runs."""

from services.stack.cli import main

if __name__ == "__main__":
    main()
