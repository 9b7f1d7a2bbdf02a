import { defineCommand } from "../command.ts";

const scripts = {
  bash: `# pubsub completion bash: in ~/.bashrc, eval "$(pubsub completion bash)"
_pubsub() {
  local IFS=$'\\n'
  COMPREPLY=($(pubsub __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
}
complete -o default -F _pubsub pubsub
`,
  zsh: `#compdef pubsub
# pubsub completion zsh: in ~/.zshrc after compinit, eval "$(pubsub completion zsh)"
_pubsub() {
  local -a candidates
  local line
  for line in "\${(@f)$(pubsub __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( $#candidates )); then _describe pubsub candidates; else _files; fi
}
compdef _pubsub pubsub
`,
  fish: `# pubsub completion fish: in ~/.config/fish/config.fish, pubsub completion fish | source
function __pubsub_complete
    set -l words (commandline -opc)
    set -l found (pubsub __complete -- $words[2..-1] (commandline -ct) 2>/dev/null)
    if set -q found[1]
        string join -- \\n $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c pubsub -f -a '(__pubsub_complete)'
`,
  powershell: `# pubsub completion powershell: in $PROFILE, pubsub completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName pubsub -ScriptBlock {
  param($word, $ast, $position)
  $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  if ($word -eq '') { $lines = pubsub __complete --next -- @words } else { $lines = pubsub __complete -- @words }
  if (-not $lines) { return }
  $lines | ForEach-Object {
    $text, $description = $_ -split "\`t", 2
    if (-not $description) { $description = $text }
    [System.Management.Automation.CompletionResult]::new($text, $text, 'ParameterValue', $description)
  }
}
`,
} as const;

export default defineCommand<object>({
  examples: [
    '$ eval "$(pubsub completion bash)"      in ~/.bashrc',
    '$ eval "$(pubsub completion zsh)"       in ~/.zshrc, after compinit',
    "completion fish | source              in ~/.config/fish/config.fish",
    "completion powershell | Out-String | Invoke-Expression",
  ],

  configure(command) {
    command
      .description(
        "Print what a shell needs to complete commands, options, and names of namespaces, brokers and clients.",
      )
      .addArgument(command.createArgument("<shell>", "the shell").choices(Object.keys(scripts)));
  },

  async run({ output }, [shell]) {
    await output.write(scripts[shell as keyof typeof scripts]);
  },
});
