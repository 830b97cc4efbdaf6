import ArgumentParser
import Engine

/// Options before a command's name (cli.md §1.1).
struct RootArguments: ParsableArguments {
    @Option(name: [.customShort("c", allowingJoined: true), .long])
    var config: String?

    @Flag(name: .customLong("use-default-config"))
    var useDefaultConfig = false

    @Flag(name: .customLong("no-update-check"))
    var noUpdateCheck = false

    // Lower case: `-V` is an unknown option.
    @Flag(name: [.short, .long])
    var version = false

    @Flag(name: [.short, .long])
    var help = false
}

/// `iii trigger` (cli.md §3). Help is a flag of ours: with a function path it asks a running engine.
struct TriggerArguments: ParsableArguments {
    @Argument
    var positional: [String] = []

    @Option(name: .long)
    var json: String?

    @Option(name: .long)
    var address: String?

    @Option(name: .long)
    var port: UInt16?

    @Option(name: .customLong("timeout-ms"))
    var timeoutMilliseconds: UInt64 = 30_000

    @Flag(name: [.short, .long])
    var help = false

    /// `III_URL` counts when the options name no part of the address; nil when it can't be read.
    func engine(_ environment: (String) -> String?) -> EngineAddress? {
        var engine = EngineAddress(timeoutMilliseconds: timeoutMilliseconds)
        if address == nil, port == nil, let text = environment(EngineURL.variable), !text.isEmpty {
            guard let url = EngineURL(text) else { return nil }
            (engine.host, engine.port) = (url.host, url.port)
        }
        engine.host = address ?? engine.host
        engine.port = port ?? engine.port
        return engine
    }
}

/// `iii health`. Asks this host's engine, whatever `III_URL` names: it is a container's check of itself.
struct HealthArguments: ParsableArguments {
    @Option(name: .long)
    var address = "localhost"

    @Option(name: .long)
    var port: UInt16 = 49134

    @Option(name: .customLong("timeout-ms"))
    var timeoutMilliseconds: UInt64 = 5000

    @Flag(name: [.short, .long])
    var verbose = false

    @Flag(name: [.short, .long])
    var help = false

    var engine: EngineAddress {
        EngineAddress(host: address, port: port, timeoutMilliseconds: timeoutMilliseconds)
    }
}

extension ParsableArguments {
    /// Parses, or words the refusal as upstream's users and scripts know it (cli.md §1.3), exit code 2.
    static func parsed(_ arguments: [String], usage: String) -> Parsed<Self> {
        do {
            return .success(try parse(arguments))
        } catch {
            return .failure(.usage(ArgumentRefusal.reword(message(for: error)), usage: usage))
        }
    }
}

enum Parsed<Arguments> {
    case success(Arguments)
    case failure(CommandOutput)
}
