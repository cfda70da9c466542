//! The rules: what is wrong, judged from a case alone.
//!
//! Owns one file per rule, each with a code, a question and a check that answers *findings*, *clear*, *unknown* or *not
//! applicable*. A rule asks nothing of any source and knows no scenario; it reads what the case holds, and says
//! *unknown* with the missing source rather than *clear* when the negative could not have been seen.
