# The addon's image: one static binary and nothing else. `make image` builds it.
FROM scratch
COPY fairlead-addon /fairlead-addon
USER 65532:65532
ENTRYPOINT ["/fairlead-addon"]
