/// W3C trace headers of one call (protocol.md §10). The engine passes them on; it makes no spans itself.
public struct TraceContext: Sendable {
    /// A well-formed version 00 `traceparent`, else nil.
    public var traceparent: String?
    /// At most `maximumBaggageBytes`, else nil.
    public var baggage: String?

    /// What W3C Baggage (§3.3.2) asks every participant to pass on. More is dropped before anything is done with it.
    public static let maximumBaggageBytes = 8192

    public static let none = TraceContext(traceparent: nil, baggage: nil)

    public init(traceparent: String?, baggage: String?) {
        self.traceparent = traceparent.flatMap { Self.isWellFormed($0) ? $0 : nil }
        self.baggage = baggage.flatMap { $0.isEmpty || $0.utf8.count > Self.maximumBaggageBytes ? nil : $0 }
    }

    var isEmpty: Bool { traceparent == nil && baggage == nil }

    /// What the target gets: the caller's `traceparent`, and `baggage` naming the target. Without any header from
    /// the caller none are sent.
    func forwarded(to functionID: String) -> TraceContext {
        guard !isEmpty else { return self }
        var copy = self
        copy.baggage = Self.baggage(baggage, naming: functionID)
        return copy
    }

    /// The baggage with `iii.function.id` set, also when the caller sent none (enqueued jobs).
    func naming(_ functionID: String) -> String {
        Self.baggage(baggage, naming: functionID)
    }

    private static let functionEntry = "iii.function.id"

    private static func baggage(_ baggage: String?, naming functionID: String) -> String {
        let own = "\(functionEntry)=\(functionID)"
        guard let baggage else { return own }
        let others = baggage.split(separator: ",").filter { entry in
            let name = entry.prefix { $0 != "=" && $0 != ";" }
            return !name.utf8.elementsEqual(functionEntry.utf8)
                && !trimmed(name).utf8.elementsEqual(functionEntry.utf8)
        }
        return (others.map(String.init) + [own]).joined(separator: ",")
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let head = text.drop { $0 == " " || $0 == "\t" }
        return head.dropLast(head.reversed().prefix { $0 == " " || $0 == "\t" }.count)
    }

    /// `00-<32 hex>-<16 hex>-<2 hex>`, ids not all zero.
    private static func isWellFormed(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 55, bytes.starts(with: "00-".utf8) else { return false }
        for (index, byte) in bytes.enumerated() {
            switch index {
            case 2, 35, 52:
                guard byte == UInt8(ascii: "-") else { return false }
            default:
                let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
                let isLetter = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f")
                guard isDigit || isLetter else { return false }
            }
        }
        let zero = UInt8(ascii: "0")
        return bytes[3..<35].contains { $0 != zero } && bytes[36..<52].contains { $0 != zero }
    }
}
