# Reads what `go build -v` and `go test -v` print: counts packages and downloads instead of listing them, and shows the rest.
/^go: downloading / { if (++downloads % 50 == 0) { printf "  %d modules downloaded\n", downloads; fflush() } next }
/^[a-zA-Z0-9_.~-]+(\/[a-zA-Z0-9_.~-]+)*$/ { if (++packages % 100 == 0) { printf "  %d packages compiled\n", packages; fflush() } next }
{ print; fflush() }
