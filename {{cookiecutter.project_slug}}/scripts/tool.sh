# Runs a tool of .venv for pre-commit: sh scripts/tool.sh ruff format FILES
# In a git worktree without a .venv, it runs the tool of the main checkout.
name=$1
shift
for folder in . "$(dirname "$(git rev-parse --git-common-dir)")"; do
    tool=$folder/.venv/bin/$name
    if [ -x "$tool" ]; then
        exec "$tool" "$@"
    fi
done
echo "$name is not installed here: run make setup" >&2
exit 1
