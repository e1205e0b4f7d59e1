"""One file a scheme: the scalar step that every driver inlines."""
