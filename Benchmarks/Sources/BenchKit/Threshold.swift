/// A bar or a goal, and which side of it is good.
package struct Threshold: Sendable {
    package enum Direction: Sendable { case atLeast, atMost }

    /// nil: the figure is reported, nothing is asked of it.
    package let direction: Direction?
    package let bar: Double?
    package let goal: Double
    package let unit: String

    package static func atLeast(bar: Double?, goal: Double, unit: String = " x") -> Threshold {
        Threshold(direction: .atLeast, bar: bar, goal: goal, unit: unit)
    }

    package static func atMost(bar: Double?, goal: Double, unit: String = " x") -> Threshold {
        Threshold(direction: .atMost, bar: bar, goal: goal, unit: unit)
    }

    /// Neither bar nor goal.
    package static let reported = Threshold(direction: nil, bar: nil, goal: 0, unit: "")

    private var sign: String { direction == .atLeast ? "≥" : "≤" }
    package var barText: String { bar.map { "\(sign) \(formatted($0))\(unit)" } ?? "reported" }
    package var goalText: String { direction == nil ? "–" : "\(sign) \(formatted(goal))\(unit)" }

    package func verdict(_ value: Double) -> String {
        guard let direction else { return "reported" }
        func meets(_ limit: Double) -> Bool { direction == .atLeast ? value >= limit : value <= limit }
        if meets(goal) { return "goal" }
        guard let bar else { return "reported" }
        return meets(bar) ? "bar" : "**missed**"
    }
}
