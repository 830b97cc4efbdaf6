/// The middle of an odd number of samples; the mean of the two in the middle of an even one; 0 of none.
package func median(_ samples: [Double]) -> Double {
    guard !samples.isEmpty else { return 0 }
    let sorted = samples.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// Both sides of one ratio, measured in turns.
package struct Pairs {
    package private(set) var ours: [Double] = []
    package private(set) var peer: [Double] = []

    package init() {}

    package mutating func append(ours: Double, peer: Double) {
        self.ours.append(ours)
        self.peer.append(peer)
    }

    /// The median of the rounds' own ratios: both sides of a round saw the same machine.
    package var ratio: Double { median(zip(ours, peer).map { $1 == 0 ? 0 : $0 / $1 }) }
}

/// `value` with about three significant digits and thousands apart.
package func formatted(_ value: Double) -> String {
    let magnitude = abs(value)
    if magnitude >= 100 { return grouped(Int(value.rounded())) }
    let decimals = magnitude >= 10 ? 1 : 2
    let scale = decimals == 1 ? 10.0 : 100.0
    let units = Int((magnitude * scale).rounded())
    let fraction = String(units % Int(scale))
    let padded = String(repeating: "0", count: decimals - fraction.count) + fraction
    return "\(value < 0 ? "-" : "")\(units / Int(scale)).\(padded)"
}

private func grouped(_ value: Int) -> String {
    var digits = String(abs(value))
    var groups: [String] = []
    while digits.count > 3 {
        groups.insert(String(digits.suffix(3)), at: 0)
        digits.removeLast(3)
    }
    return (value < 0 ? "-" : "") + ([digits] + groups).joined(separator: ",")
}
