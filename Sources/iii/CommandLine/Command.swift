import Engine

/// What the arguments ask for, checked as far as that goes without a network.
enum Command: Sendable {
    /// Run the engine.
    case serve(ServeOptions)
    /// Call one function and print what it returns.
    case trigger(TriggerCall)
    /// Print a function's parameters, as a running engine knows them.
    case functionHelp(FunctionHelpCall)
    /// Ask whether an engine serves, and how its stores are.
    case health(EngineAddress, isVerbose: Bool)
    /// Nothing left to do but print and exit: help, version, bad arguments.
    case finished(CommandOutput)
}

struct ServeOptions: Equatable, Sendable {
    /// Nil with `--use-default-config`: no file is read.
    var configPath: String?
}

struct EngineAddress: Equatable, Sendable {
    var host = "localhost"
    var port: UInt16 = 49134
    /// Bounds the whole exchange.
    var timeoutMilliseconds: UInt64
}

struct TriggerCall: Equatable, Sendable {
    var function: String
    var payload: JSON
    var engine: EngineAddress
}

struct FunctionHelpCall: Equatable, Sendable {
    var function: String
    var engine: EngineAddress
}
