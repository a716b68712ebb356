//! Local times as text: `2024-02-29 23:59:59`.

use crate::clock::Nanos;
use crate::venue::DecodeErrorKind;

const NANOS_IN_SECOND: i64 = 1_000_000_000;

/// `YYYY-MM-DD hh:mm:ss`, read on a clock that is `utc_offset_s` seconds ahead of UTC, as nanoseconds since the Unix epoch.
///
/// # Errors
/// `BadNumber`: not of this form. `OutOfRange`: a date or a time that does not exist (also a leap second), or that lies outside what
/// nanoseconds since 1970 hold.
pub(super) fn parse(text: &[u8], utc_offset_s: i32) -> Result<Nanos, DecodeErrorKind> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b' ', h0, h1, b':', i0, i1, b':', s0, s1] = *text else {
        return Err(DecodeErrorKind::BadNumber);
    };
    let year = digits(&[y0, y1, y2, y3])?;
    let month = digits(&[m0, m1])?;
    let day = digits(&[d0, d1])?;
    let hour = digits(&[h0, h1])?;
    let minute = digits(&[i0, i1])?;
    let second = digits(&[s0, s1])?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59 {
        return Err(DecodeErrorKind::OutOfRange);
    }
    nanos(year, month, day, hour, minute, second, utc_offset_s)
        .filter(|nanos| *nanos >= 0)
        .ok_or(DecodeErrorKind::OutOfRange)
}

fn digits(text: &[u8]) -> Result<i64, DecodeErrorKind> {
    text.iter().try_fold(0_i64, |sum, byte| match byte {
        b'0'..=b'9' => Ok(sum.saturating_mul(10).saturating_add(i64::from(byte & 0x0f))),
        _ => Err(DecodeErrorKind::BadNumber),
    })
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn nanos(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64, utc_offset_s: i32) -> Option<Nanos> {
    // Leap years up to and with the year before, less those up to 1969.
    let before = year.checked_sub(1)?;
    let leaps = (before / 4).checked_sub(before / 100)?.checked_add(before / 400)?.checked_sub(477)?;
    let mut days = year.checked_sub(1970)?.checked_mul(365)?.checked_add(leaps)?;
    for earlier in 1..month {
        days = days.checked_add(days_in(year, earlier))?;
    }
    days = days.checked_add(day)?.checked_sub(1)?;
    let minutes = days.checked_mul(24)?.checked_add(hour)?.checked_mul(60)?.checked_add(minute)?;
    let seconds = minutes.checked_mul(60)?.checked_add(second)?.checked_sub(utc_offset_s.into())?;
    seconds.checked_mul(NANOS_IN_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_times() {
        for (text, offset, seconds) in [
            ("1970-01-01 00:00:00", 0, 0),
            ("1970-01-01 08:00:00", 28_800, 0),
            ("2018-07-03 15:59:22", 28_800, 1_530_604_762),
            ("2000-02-29 12:00:00", 0, 951_825_600),
            ("2024-02-29 23:59:59", 0, 1_709_251_199),
            ("2024-03-01 00:00:00", 28_800, 1_709_222_400),
            ("2023-12-31 23:59:59", -18_000, 1_704_085_199),
            ("2262-04-11 23:47:16", 0, 9_223_372_036),
        ] {
            assert_eq!(parse(text.as_bytes(), offset), Ok(seconds * NANOS_IN_SECOND), "{text} {offset}");
        }
    }

    #[test]
    fn every_day_until_2262_follows_the_one_before() {
        let mut expected = 0;
        for year in 1970..2262 {
            for month in 1..=12 {
                for day in 1..=31 {
                    let found = parse(format!("{year:04}-{month:02}-{day:02} 00:00:00").as_bytes(), 0);
                    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
                    let short = matches!((month, day), (4 | 6 | 9 | 11, 31) | (2, 30 | 31))
                        || (!leap && (month, day) == (2, 29));
                    if short {
                        assert_eq!(found, Err(DecodeErrorKind::OutOfRange), "{year}-{month}-{day}");
                    } else {
                        assert_eq!(found, Ok(expected * 86_400 * NANOS_IN_SECOND), "{year}-{month}-{day}");
                        expected += 1;
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_time_is_an_error() {
        for text in [
            "2024-00-01 00:00:00",
            "2024-13-01 00:00:00",
            "2024-01-00 00:00:00",
            "2023-02-29 00:00:00",
            "1900-02-29 00:00:00",
            "2100-02-29 00:00:00",
            "2024-04-31 00:00:00",
            "2024-01-01 24:00:00",
            "2024-01-01 00:60:00",
            "2024-01-01 00:00:60",
            "1969-12-31 23:59:59",
            "2262-04-11 23:47:17",
            "9999-12-31 23:59:59",
        ] {
            assert_eq!(parse(text.as_bytes(), 0), Err(DecodeErrorKind::OutOfRange), "{text}");
        }
        assert_eq!(parse(b"1970-01-01 00:00:00", 1), Err(DecodeErrorKind::OutOfRange));
        for text in [
            "",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01 00:00:00.5",
            " 2024-01-01 00:00:0",
            "2024-1-01 00:00:000",
            "2O24-01-01 00:00:00",
            "+024-01-01 00:00:00",
        ] {
            assert_eq!(parse(text.as_bytes(), 0), Err(DecodeErrorKind::BadNumber), "{text}");
        }
    }
}
