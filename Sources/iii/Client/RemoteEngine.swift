import Engine
import NIOCore
import NIOPosix

/// The commands that talk to a running engine (cli.md §3). Blocks the calling thread for at most the timeout.
struct RemoteEngine {
    private let address: EngineAddress

    init(_ address: EngineAddress) {
        self.address = address
    }

    func trigger(_ call: TriggerCall) -> CommandOutput {
        do {
            switch try invoke(call.function, data: call.payload) {
            case .success(let value):
                return TriggerReport.result(try value?.parse(maximumDepth: JSONLimits.maximumStoredDepth))
            case .failure(let error):
                return TriggerReport.remoteError(code: error.code, message: error.message, stacktrace: error.stacktrace)
            }
        } catch let error as EngineClientError {
            return report(error, of: call.function)
        } catch {
            return TriggerReport.webSocketFailure("\(error)")
        }
    }

    func help(_ call: FunctionHelpCall) -> CommandOutput {
        do {
            switch try invoke(FunctionHelp.infoFunction, data: FunctionHelp.infoPayload(call.function)) {
            case .success(let value):
                return .success(FunctionHelp.render(call.function, info: try value?.parse() ?? .null))
            case .failure(let error):
                return FunctionHelp.failure(call.function, code: error.code, message: error.message)
            }
        } catch {
            return FunctionHelp.unavailable(call.function, reason: "\(error)")
        }
    }

    func health() -> CommandOutput {
        do {
            try EngineClient.probe(host: address.host, port: Int(address.port), timeout: timeout, on: loop).wait()
            return HealthReport.serving(address: address.host, port: address.port)
        } catch {
            return HealthReport.failing(address: address.host, port: address.port, reason: "\(error)")
        }
    }

    func verboseHealth() -> CommandOutput {
        do {
            switch try invoke(HealthReport.function, data: [:], as: "iii-cli:health") {
            case .success(let value):
                return HealthReport.verbose(try value?.parse() ?? .null, address: address.host, port: address.port)
            case .failure(let error):
                return HealthReport.unreported(address: address.host, port: address.port, reason: "\(error)")
            }
        } catch let error as EngineClientError where error.isOfFunction {
            return HealthReport.unreported(address: address.host, port: address.port, reason: "\(error)")
        } catch {
            return HealthReport.failing(address: address.host, port: address.port, reason: "\(error)")
        }
    }

    private func invoke(
        _ function: String,
        data: JSON,
        as name: String = "iii-cli:trigger"
    ) throws -> InvocationOutcome {
        try EngineClient.invoke(
            function,
            data: RawJSON(data),
            host: address.host,
            port: Int(address.port),
            timeout: timeout,
            clientName: name,
            on: loop
        ).wait()
    }

    private func report(_ error: EngineClientError, of function: String) -> CommandOutput {
        switch error {
        case .connectFailed(let reason):
            TriggerReport.unreachable(address: address.host, port: address.port, reason: reason)
        case .timeout:
            TriggerReport.timeout
        case .functionTimeout:
            TriggerReport.functionTimeout(function, milliseconds: address.timeoutMilliseconds)
        case .handshakeRefused, .connectionLost:
            TriggerReport.webSocketFailure("\(error)")
        }
    }

    private var loop: any EventLoop { MultiThreadedEventLoopGroup.singleton.any() }

    private var timeout: TimeAmount {
        .milliseconds(Int64(clamping: min(address.timeoutMilliseconds, 365 * 86_400_000)))
    }
}
