"""`serve-app completion`: what a shell evaluates to complete commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

PROGRAM = "serve-app"
VARIABLE = "_SERVE_APP_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what lets SHELL complete commands, options and names of models and endpoints.

    \b
    bash   eval "$(serve-app completion bash)"             in ~/.bashrc
    zsh    eval "$(serve-app completion zsh)"              in ~/.zshrc, after compinit
    fish   serve-app completion fish | source              in ~/.config/fish/config.fish
    """  # noqa: D301 - click looks for the character
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"Nothing is known of the shell {shell}.")
    source = made(context.find_root().command, {}, PROGRAM, VARIABLE).source()
    # Bash takes @ for the end of a word, and would ask for the 2 of churn@2 alone.
    click.echo(f"COMP_WORDBREAKS=${{COMP_WORDBREAKS//@}}\n{source}" if shell == "bash" else source)
