/// The same report for machines: one object per row, numbers unrounded, every round's sample.
extension Report {
    package func json() -> String {
        "[\n" + rows.map { "  " + Self.object($0) }.joined(separator: ",\n") + "\n]\n"
    }

    private static func object(_ row: Row) -> String {
        let members = [
            ("figure", string(row.figure)), ("ours", string(row.ours)), ("peer", string(row.peer)),
            ("ratio", number(row.ratio)), ("bar", string(row.bar)), ("goal", string(row.goal)),
            ("verdict", string(row.verdict)), ("limit", string(row.limit)), ("unit", string(row.numbers.unit)),
            ("oursSamples", array(row.numbers.ours)), ("peerSamples", array(row.numbers.peer)),
            ("machineLimit", number(row.numbers.limit)),
        ]
        return "{" + members.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}"
    }

    private static func array(_ values: [Double]) -> String {
        "[" + values.map { number($0) }.joined(separator: ", ") + "]"
    }

    /// JSON knows no infinities.
    private static func number(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "null" }
        return "\(value)"
    }

    private static func string(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": result += "\\\(scalar)"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20: result += " "
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
