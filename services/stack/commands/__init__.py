"""The commands of `./intact`, a module each; see services/stack/cli.py for how they are found."""
