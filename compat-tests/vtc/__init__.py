"""VTC files, one behaviour each, run by Debian's varnishtest against ours and the reference."""
