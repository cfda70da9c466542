//! Finds what repeats in a list, so that it can be one row.

use std::ops::Range;

/// Rows of a block that may repeat, at most.
const BLOCK: usize = 8;
/// Blocks in a row from which on the middle ones are folded.
const REPEATS: usize = 6;

/// Finds the rows that repeat the ones above them. A shape is what stays the same of a row when it happens again; a block
/// of up to eight rows (a delivery, its lines, the wait after it) may stand there again and again. Of each such run the
/// first two blocks and the last one stay; what lies between is returned.
pub fn repeats(shapes: &[u64]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < shapes.len() {
        let block = (1..=BLOCK.min(shapes.len() - at)).find_map(|size| {
            let times = shapes[at..].chunks_exact(size).take_while(|block| *block == &shapes[at..at + size]).count();
            (times >= REPEATS).then_some((size, times))
        });
        let Some((size, times)) = block else {
            at += 1;
            continue;
        };
        found.push(at + 2 * size..at + (times - 1) * size);
        at += times * size;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_repeat_are_found_and_shorter_runs_stay() {
        let check = |text: &str, expected: &[(usize, usize)]| {
            let shapes: Vec<u64> = text.bytes().map(u64::from).collect();
            let found: Vec<(usize, usize)> = repeats(&shapes).into_iter().map(|fold| (fold.start, fold.end)).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("", &[]);
        check("aaaaa", &[]);
        check("xaaaaaay", &[(3, 6)]);
        check("abcabcabcabcabcabcab", &[(6, 15)]);
        check("abababababababcccccccc", &[(4, 12), (16, 21)]);
    }
}
