"""One file per command of `pmo`."""
