import StorageDrill

/// The command line of all subcommands.
struct Options {
    var directory = "./storage-drill.tmp"
    var scratch: String?
    var rounds = 200
    var images = 300
    var seed: UInt64?
    var journalBytes: UInt64 = 24 << 20
    var acknowledged: UInt64 = 0
    var failpoints: [String] = []
    var forget = ""
    var journal = ""
    var isEncrypted = false
    var isStrict = false
    var everySeconds: UInt64?

    init(_ arguments: [String]) throws(DrillError) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--strict" {
                isStrict = true
                continue
            }
            if name == "--encrypted" {
                isEncrypted = true
                continue
            }
            guard let value = rest.popFirst() else { throw DrillError("\(name) needs a value") }
            switch name {
            case "--dir": directory = value
            case "--scratch": scratch = value
            case "--failpoint": failpoints.append(value)
            case "--forget": forget = value
            case "--journal": journal = value
            default:
                guard let number = UInt64(value), number <= UInt64(Int32.max) || name == "--seed" else {
                    throw DrillError("\(name) needs a number, not \(value)")
                }
                try set(name, number)
            }
        }
    }

    private mutating func set(_ name: String, _ number: UInt64) throws(DrillError) {
        switch name {
        case "--rounds": rounds = Int(number)
        case "--images": images = Int(number)
        case "--seed": seed = number
        case "--journal-bytes": journalBytes = number
        case "--every-seconds": everySeconds = number
        case "--acknowledged": acknowledged = number
        default: throw DrillError("unknown option \(name)")
        }
    }
}
