//! The command line: parses, calls the engine, prints, maps to exit codes. Holds no logic of its own.
