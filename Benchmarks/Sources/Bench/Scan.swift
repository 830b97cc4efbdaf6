import CBench

/// The little of JSON that a simulated worker looks at. The generator's own payloads contain none of the
/// needles, so a byte search is exact.
enum Scan {
    /// Offset just behind the first occurrence of `needle`.
    static func end(of needle: StaticString, in bytes: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
        guard start < bytes.count, let base = bytes.baseAddress else { return nil }
        guard let found = cbench_find(base + start, bytes.count - start, needle.utf8Start, needle.utf8CodeUnitCount)
        else { return nil }
        return UnsafeRawPointer(found) - base + needle.utf8CodeUnitCount
    }

    /// Offset behind the JSON value that starts at `start`.
    static func endOfValue(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var depth = 0
        var index = start
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index = endOfString(in: bytes, from: index)
                if depth == 0 { return index }
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return index }
                depth -= 1
                if depth == 0 { return index + 1 }
            case UInt8(ascii: ","):
                if depth == 0 { return index }
            default:
                break
            }
            index += 1
        }
        return index
    }

    private static func endOfString(in bytes: UnsafeRawBufferPointer, from quote: Int) -> Int {
        var index = quote + 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(index + 1, bytes.count)
    }

    /// The number that `FrameTemplate` wrote into the last twelve digits of an invocation id.
    static func invocationNumber(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let id = end(of: "\"invocation_id\":\"", in: bytes), id + 36 <= bytes.count else { return nil }
        var number = 0
        for byte in bytes[(id + 24)..<(id + 36)] {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | Int(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | Int(byte - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return number
    }
}
