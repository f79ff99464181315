/* Push buttons of the board: nobody presses one. */
#ifndef PB_H
#define PB_H

int PB_Init(void);
int PB_Get(unsigned int button);

#endif
