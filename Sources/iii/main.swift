import Engine

#if canImport(Glibc)
import Glibc
#endif

let output: CommandOutput
switch Command.parse(Array(CommandLine.arguments.dropFirst())) {
case .serve(let options):
    output = Server.start(options)
case .trigger(let call):
    output = RemoteEngine(call.engine).trigger(call)
case .functionHelp(let call):
    output = RemoteEngine(call.engine).help(call)
case .health(let engine):
    output = RemoteEngine(engine).health()
case .finished(let finished):
    output = finished
}
output.emit()
exit(output.exitCode)
