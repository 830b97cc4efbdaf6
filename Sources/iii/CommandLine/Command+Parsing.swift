import ArgumentParser
import Engine

extension Command {
    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - environment: a variable's value; nil when it is unset.
    static func parse(
        _ arguments: [String],
        environment: (String) -> String? = ProcessEnvironment.value
    ) -> Command {
        let (root, command, rest) = split(arguments)
        switch RootArguments.parsed(root, usage: "iii [OPTIONS] [COMMAND]") {
        case .failure(let output): return .finished(output)
        case .success(let options):
            if options.version { return .finished(.success(EngineVersion.string + "\n")) }
            if options.help { return .finished(.success(CommandHelp.root)) }
            if options.useDefaultConfig, options.config != nil {
                return .finished(
                    .usage(
                        "the argument '--use-default-config' cannot be used with '--config <CONFIG>'",
                        usage: "iii [OPTIONS] [COMMAND]"
                    )
                )
            }
            guard let command else { return serve(options) }
            return dispatch(command, rest, environment)
        }
    }

    /// Root options stand before the command's name only: `-c` behind it is the command's own affair.
    private static func split(_ arguments: [String]) -> (root: [String], command: String?, rest: [String]) {
        var position = 0
        while position < arguments.count, arguments[position].hasPrefix("-") {
            let takesValue = arguments[position] == "-c" || arguments[position] == "--config"
            position += takesValue ? 2 : 1
        }
        guard position < arguments.count else { return (arguments, nil, []) }
        return (Array(arguments[..<position]), arguments[position], Array(arguments[(position + 1)...]))
    }

    private static func serve(_ options: RootArguments) -> Command {
        .serve(ServeOptions(configPath: options.useDefaultConfig ? nil : options.config ?? "config.yaml"))
    }

    private static func dispatch(
        _ command: String,
        _ arguments: [String],
        _ environment: (String) -> String?
    ) -> Command {
        switch command {
        case "trigger", "t": return trigger(arguments, environment)
        case "health": return health(arguments)
        case "help": return help(arguments, environment)
        case _ where CommandHelp.notShipped.contains(command): return .finished(CommandHelp.notShipped(command))
        default:
            return .finished(.usage("unrecognized subcommand '\(command)'", usage: "iii [OPTIONS] [COMMAND]"))
        }
    }

    private static func help(_ arguments: [String], _ environment: (String) -> String?) -> Command {
        guard let command = arguments.first else { return .finished(.success(CommandHelp.root)) }
        switch command {
        case "help": return .finished(.success(CommandHelp.root))
        case "trigger", "t", "health": return dispatch(command, ["--help"], environment)
        default: return dispatch(command, [], environment)
        }
    }

    private static func trigger(_ arguments: [String], _ environment: (String) -> String?) -> Command {
        let usage = "iii trigger [OPTIONS] [FUNCTION_PATH] [KEY=VALUE]..."
        switch TriggerArguments.parsed(arguments, usage: usage) {
        case .failure(let output): return .finished(output)
        case .success(let options): return options.command(environment)
        }
    }

    private static func health(_ arguments: [String]) -> Command {
        switch HealthArguments.parsed(arguments, usage: "iii health [OPTIONS]") {
        case .failure(let output): return .finished(output)
        case .success(let options):
            if options.help { return .finished(.success(CommandHelp.health)) }
            return .health(options.engine, isVerbose: options.verbose)
        }
    }
}

extension TriggerArguments {
    fileprivate func command(_ environment: (String) -> String?) -> Command {
        if help, positional.isEmpty { return .finished(.success(CommandHelp.trigger)) }
        guard let function = positional.first else {
            return .finished(.failure("iii trigger: missing FUNCTION_PATH. Try: `iii trigger <fn-path> [args]`"))
        }
        guard let engine = engine(environment) else {
            return .finished(
                .failure(
                    "\(EngineURL.variable) is no engine's address: write it like ws://localhost:49134, "
                        + "or name the engine with --address and --port"
                )
            )
        }
        if help {
            return .functionHelp(FunctionHelpCall(function: function, engine: engine))
        }
        do throws(TriggerPayload.Invalid) {
            let text = json.map { PayloadText($0) }
            let payload = try TriggerPayload.build(json: text, keyValues: Array(positional.dropFirst()))
            return .trigger(TriggerCall(function: function, payload: payload, engine: engine))
        } catch {
            return .finished(.failure(error.message, cause: error.cause))
        }
    }
}
