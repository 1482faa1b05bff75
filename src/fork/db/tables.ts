// The tables of a fork, whose names begin with `fork_`; Itsor never changes this file again (docs/upgrading.md).
export {};
