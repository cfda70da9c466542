//! Durations as Go writes them, which Jaeger and Loki both take.

/// A Go duration such as `1.5ms` or `1m30s` in nanoseconds; a number without a unit is refused, as Go does.
pub fn duration_ns(text: &str) -> Option<u64> {
    const UNITS: &[(&str, f64)] =
        &[("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let number_end = rest.find(|sign: char| !sign.is_ascii_digit() && sign != '.')?;
        let number: f64 = rest[..number_end].parse().ok()?;
        rest = &rest[number_end..];
        let unit_end = rest.find(|sign: char| sign.is_ascii_digit() || sign == '.').unwrap_or(rest.len());
        let (_, factor) = UNITS.iter().find(|(unit, _)| *unit == &rest[..unit_end])?;
        total += number * factor;
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total as u64)
}
