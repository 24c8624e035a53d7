"""The compiled policy: generations as immutable LMDB files, their records, and their readers."""
