/// How the workload's process is to work, to and from its command line.
struct ChildOptions: Equatable, Sendable {
    var directory = ""
    var seed: UInt64 = 1
    var committers = 4
    /// Opens, commits, closes this often; 0: until it is killed.
    var cycles: UInt64 = 1
    /// Per cycle; 0: until it is killed.
    var transactions: UInt64 = 0
    var shape = StoreShape()
    /// Instead of working: checks what is there.
    var check: Check?

    struct Check: Equatable, Sendable {
        var acknowledged: UInt64
        var begun: UInt64
    }

    var arguments: [String] {
        var arguments = [
            "--dir", directory, "--seed", "\(seed)", "--committers", "\(committers)", "--cycles", "\(cycles)",
            "--transactions", "\(transactions)", "--segment-bytes", "\(shape.initialSegmentBytes)",
            "--maximum-segment-bytes", "\(shape.maximumSegmentBytes)",
            "--checkpoint-bytes", "\(shape.checkpointLogBytes)",
        ]
        if !shape.usesDirectIO { arguments.append("--buffered") }
        if shape.key > 0 { arguments += ["--key", "\(shape.key)"] }
        if let check { arguments += ["--acknowledged", "\(check.acknowledged)", "--begun", "\(check.begun)"] }
        return arguments
    }

    init() {}

    init(arguments: [String]) throws(DrillError) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--buffered" {
                shape.usesDirectIO = false
                continue
            }
            guard let value = rest.popFirst() else { throw DrillError("\(name) needs a value") }
            if name == "--dir" {
                directory = value
                continue
            }
            guard let number = UInt64(value) else { throw DrillError("\(name) needs a number, not \(value)") }
            try set(name, number)
        }
        guard !directory.isEmpty else { throw DrillError("--dir is needed") }
    }

    private mutating func set(_ name: String, _ number: UInt64) throws(DrillError) {
        switch name {
        case "--seed": seed = number
        case "--key": shape.key = number
        case "--acknowledged": check = Check(acknowledged: number, begun: check?.begun ?? .max)
        case "--begun": check = Check(acknowledged: check?.acknowledged ?? 0, begun: number)
        case "--committers": committers = Int(clamping: max(1, min(number, 256)))
        case "--cycles": cycles = number
        case "--transactions": transactions = number
        case "--segment-bytes": shape.initialSegmentBytes = Int(clamping: number)
        case "--maximum-segment-bytes": shape.maximumSegmentBytes = Int(clamping: number)
        case "--checkpoint-bytes": shape.checkpointLogBytes = Int(clamping: number)
        default: throw DrillError("unknown option \(name)")
        }
    }
}
